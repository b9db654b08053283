// Tables that are wider than the page say so; a click on a column's name sorts by it.
for (const box of document.querySelectorAll('.scroll')) {
  const mark = () => box.classList.toggle('over', box.scrollWidth > box.clientWidth + 1);
  mark();
  addEventListener('resize', mark);
  const fold = box.closest('details');
  if (fold) fold.addEventListener('toggle', mark);
}
// The first number of a cell; a cell without one comes last.
const value = (text) => {
  const found = text.replaceAll(',', '').replace('\u2212', '-').match(/-?\d+(\.\d+)?(e[+-]?\d+)?/i);
  return found ? Number(found[0]) : null;
};
for (const table of document.querySelectorAll('table')) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement('button');
    button.append(...head.childNodes);
    head.append(button);
    button.title = 'Sort by this column';
    const text = (row) => row.cells[column].textContent;
    const order = head.classList.contains('name')
      ? (a, b) => text(a).localeCompare(text(b), undefined, { numeric: true })
      : (a, b) => value(text(a)) - value(text(b));
    button.addEventListener('click', () => {
      const down = head.getAttribute('aria-sort') === 'ascending';
      heads.forEach((other) => other.removeAttribute('aria-sort'));
      head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      const rows = [...table.tBodies[0].rows];
      const last = (row) => !head.classList.contains('name') && value(text(row)) === null;
      const known = rows.filter((row) => !last(row)).sort((a, b) => (down ? order(b, a) : order(a, b)));
      table.tBodies[0].append(...known, ...rows.filter(last));
    });
  });
}

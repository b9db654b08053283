//! Which columns of a table are the rows: what is used, what is left out, and that it is said.

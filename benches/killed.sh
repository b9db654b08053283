#!/usr/bin/env bash
# Kills commands at 50 moments each and holds what a rerun leaves against an undisturbed run: the same bytes, and no
# temporary files. Then a full disk, a closed pipe, and a folder that cannot be written.
#   cargo build --release && benches/killed.sh [MOMENTS] [PROGRAM]
set -u
moments=${1:-50}
program=$(realpath "${2:-target/release/hullscope}")
scratch=$(mktemp -d)
trap 'chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT
cd "$scratch" || exit 2
export HULLSCOPE_BACKEND=cpu
failed=0
fault() { echo "FAULT: $*"; failed=1; }

# Rows without any library: text.
rows() { awk -v n="$1" -v seed="$2" 'BEGIN { srand(seed); for (i = 0; i < n; i++) { line = rand();
    for (j = 1; j < 8; j++) line = line "," rand(); print line } }'; }
rows 3000 1 > a.csv
rows 300 2 > b.csv

# Times and measured seconds differ from run to run; records, certificates and counts may not.
content() { (cd "$1" && find . -name '*.csv' -o -name 'certificates*.parquet' -o -name queries.parquet | sort |
    xargs -r sha256sum); }

# NAME COMMAND...: the command writes into the folder `out`, which exists.
killed() {
    local name=$1; shift
    rm -rf out; mkdir out
    local started; started=$(date +%s%N)
    "$@" > /dev/null 2>&1 || fault "$name: an undisturbed run ends with $?"
    local whole=$(( ($(date +%s%N) - started) / 1000000 ))
    content out > expected
    local moment left=0
    for moment in $(seq "$moments"); do
        rm -rf out; mkdir out
        "$@" > /dev/null 2>&1 & local child=$!
        sleep "$(awk -v w="$whole" -v m="$moment" -v n="$moments" 'BEGIN { print w * m / n / 1000 }')"
        kill -9 "$child" 2> /dev/null; wait "$child" 2> /dev/null
        [ -n "$(find out -name '.hullscope-*')" ] && left=$((left + 1))
        "$@" > /dev/null 2> error || fault "$name, moment $moment: the rerun ends with $?: $(cat error)"
        content out | cmp -s - expected || fault "$name, moment $moment: the rerun left something else"
        [ -z "$(find out -name '.hullscope-*')" ] || fault "$name, moment $moment: temporary files stay"
    done
    echo "$name: $moments moments over $whole ms, temporary files after $left of them, swept by the rerun"
}

killed "analyze -o --certificates" "$program" analyze a.csv b.csv -o out/a.csv --certificates out/certificates.parquet
killed "compare -o" "$program" compare a.csv b.csv --certificates -o out
killed "paper -o" "$program" paper fig1 --trials 200 -o out

"$program" analyze a.csv b.csv --json /dev/full > /dev/null 2> error
[ $? = 2 ] || fault "a full disk: $(cat error)"
"$program" analyze a.csv b.csv 2> error | true
[ "${PIPESTATUS[0]}" = 0 ] || fault "a closed pipe: $(cat error)"
if [ "$(id -u)" != 0 ]; then
    mkdir fixed; chmod a-w fixed
    "$program" analyze a.csv b.csv -o fixed/a.csv > /dev/null 2> error
    [ $? = 2 ] || fault "a folder that cannot be written: $(cat error)"
fi
exit $failed

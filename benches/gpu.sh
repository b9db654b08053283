#!/bin/sh
# Everything that needs a real GPU, in one go: tests, timings, PyTorch on the same card.
#
#   benches/gpu.sh BINARY TESTS FOLDER [STEP..]
#
# BINARY  the release program:       target/release/hullscope
# TESTS   the release test binary:   cargo test --release --no-run prints its path
# FOLDER  where all output goes; nothing is written anywhere else
# STEP    tests devices default d512 large small_batch torch (without any: all)
#
# Builds nothing and needs no network. A step that fails does not stop the others; the end says which failed, and
# the exit code is 1 then. STEP_SECONDS (900) bounds each step. PyTorch is asked only where python3 has it.

if [ $# -lt 3 ]; then
    sed -n '2,13s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
binary=$1 tests=$2 folder=$3
shift 3
wanted=${*:-tests devices default d512 large small_batch torch}
for program in "$binary" "$tests"; do
    if [ ! -x "$program" ] || [ -d "$program" ]; then
        echo "gpu.sh: $program is not a program; build it first, see the top of this file" >&2
        exit 2
    fi
done
mkdir -p "$folder/tmp" "$folder/cache" || exit 2
folder=$(cd "$folder" && pwd)
# Caches and temporary files stay in the folder too.
export XDG_CACHE_HOME="$folder/cache" TMPDIR="$folder/tmp" NODEVICE_SELECT=1 PYTHONDONTWRITEBYTECODE=1
failed= done=
limit=
command -v timeout >/dev/null 2>&1 && limit="timeout ${STEP_SECONDS:-900}"

# step NAME COMMAND..: run it if wanted; its words go to NAME.log.
step() {
    name=$1
    shift
    case " $wanted " in *" $name "*) ;; *) return ;; esac
    echo "== $name"
    done="$done $name"
    # $limit is two words, or none.
    $limit "$@" >"$folder/$name.log" 2>&1
    code=$?
    tail -n 40 "$folder/$name.log"
    if [ $code -ne 0 ]; then
        echo "== $name failed with exit code $code"
        failed="$failed $name"
    fi
}

# bench NAME OPTION..: one shape, as a table, JSON and a plot.
bench() {
    name=$1
    shift
    step "$name" "$binary" bench "$@" --json "$folder/$name.json" --plot "$folder/$name.svg"
}

step tests env HULLSCOPE_REQUIRE_GPU=1 "$tests" gpu
step devices "$binary" devices --json "$folder/devices.json"
bench default
bench d512 --rows 200000 --dim 512 --queries 4096 -k 10 --inside 0 --patience 2 \
    --sizes 25000,50000,100000,200000,400000 --dims 64,128,256,512,1024
# The aim: verdict and neighbours of 10,000 queries against a million rows under 2 s.
bench large --rows 1000000 --dim 512 --queries 10000 -k 10 --inside 0 --patience 1 \
    --sizes 1000000 --dims 512
# Few directions at a time: bound by memory, not by arithmetic.
bench small_batch --rows 1000000 --dim 128 --queries 16 -k 10 --inside 0 --patience 2
if python3 -c 'import torch' >/dev/null 2>&1; then
    step torch python3 "$here/peers/torch_scan.py" --json "$folder/torch.json" \
        100000x128x1000x10 200000x512x4096x10 1000000x512x10000x10 1000000x128x16x10
else
    echo "== torch: python3 has no torch; left out"
fi

rmdir "$folder/tmp" 2>/dev/null
if [ -z "$done" ]; then
    echo "gpu.sh: none of these is a step: $wanted" >&2
    exit 2
fi
if [ -n "$failed" ]; then
    echo "failed:$failed"
    exit 1
fi
echo "done:$done; all output is in $folder"

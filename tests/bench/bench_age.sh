#!/bin/bash
# postern seal and open of 256 MiB against the `age` program, in one run:
#   bench_age.sh [--json] [POSTERN]
# Medians of several rounds, taken in turns. The ratio is age's time over ours:
# above 1, postern is faster. Beside the time, peak memory for 1 and 256 MiB.
set -euo pipefail
export LC_ALL=C

readonly ROUNDS=7 WARMUP=1 MIB=256 BAR=1.0
# Peak memory for 256 MiB may be this many KiB above that for 1 MiB.
readonly FLAT_KIB=2048

json=no
if [ "${1:-}" = --json ]; then
    json=yes
    shift
fi
postern=$(readlink -f "${1:-build/postern}")
for program in age age-keygen hyperfine jq /usr/bin/time; do
    command -v "$program" >/dev/null || { echo "bench_age: $program is needed" >&2; exit 69; }
done
[ -x "$postern" ] || { echo "bench_age: no $postern" >&2; exit 66; }

work=$(mktemp -d -p "${TMPDIR:-/var/tmp}" postern-bench-age.XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work"
head -c $((MIB << 20)) /dev/urandom >plain
head -c $((1 << 20)) plain >small
age-keygen -o key 2>/dev/null
recipient=$(age-keygen -y key)
age -r "$recipient" -o sealed plain
age -r "$recipient" -o small.sealed small

# medians NAME COMMAND COMMAND: one JSON object, times in seconds.
medians() {
    hyperfine -N --style none --warmup $WARMUP --runs $ROUNDS --prepare 'rm -f out' \
        --export-json "$1.json" "$2" "$3" >/dev/null 2>&1
    jq -c --arg name "$1" \
        '{name: $name, ours: .results[0].median, theirs: .results[1].median}' "$1.json"
}

# peak COMMAND...: peak resident memory in KiB. (GNU time, which is small: what
# is measured never falls below the peak of the program that starts the other.)
peak() {
    /usr/bin/time -q -f %M -o peak "$@" && cat peak
}

{
    medians "seal $MIB MiB" "$postern seal -r $recipient -o out plain" \
        "age -r $recipient -o out plain"
    medians "open $MIB MiB" "$postern open -i key -o out sealed" "age -d -i key -o out sealed"
    medians "seal $MIB MiB without writing" "$postern seal -r $recipient -o /dev/null plain" \
        "age -r $recipient -o /dev/null plain"
    medians "open $MIB MiB without writing" "$postern open -i key -o /dev/null sealed" \
        "age -d -i key -o /dev/null sealed"
} >times

jq -n --slurpfile times times --argjson mib $MIB --argjson bar $BAR --argjson flat $FLAT_KIB \
    --argjson seal_small "$(peak "$postern" seal -r "$recipient" -o out small)" \
    --argjson seal_large "$(peak "$postern" seal -r "$recipient" -o out plain)" \
    --argjson open_small "$(peak "$postern" open -i key -o out small.sealed)" \
    --argjson open_large "$(peak "$postern" open -i key -o out sealed)" '
    def round3: . * 1000 | round / 1000;
    def speed: {name: .name, value: ($mib / .ours | round), unit: "MiB/s",
        against: "age, \($mib / .theirs | round) MiB/s", ratio: (.theirs / .ours | round3),
        bar: $bar, met: (.theirs / .ours > $bar)};
    # Memory is flat when the ratio of small to large stays near 1.
    def memory($name; $small; $large): {name: "\($name) \($mib) MiB, peak memory", value: $large,
        unit: "KiB", against: "1 MiB, \($small) KiB", ratio: ($small / $large | round3),
        bar: ($small / ($small + $flat) | round3), met: ($large <= $small + $flat)};
    {figures: [($times[] | speed), memory("seal"; $seal_small; $seal_large),
        memory("open"; $open_small; $open_large)]}' >figures

if [ $json = yes ]; then
    cat figures
else
    jq -r '.figures[] | "\(.name): \(.value) \(.unit) (\(.against)), ratio \(.ratio), bar \(.bar): \(if .met then "met" else "NOT met" end)"' figures
fi

#!/bin/sh
# Changes the code of the modules named in pyproject.toml ([tool.mutmut]), one small change at a time, then the tables
# beside it (tests/mutants_tables.py), and shows which changes no test notices. Works in a copy, so that this tree stays
# as it is; prints where the copy is, so that a survivor can be looked at there: `mutmut show NAME`.
set -eu

bin=$(CDPATH='' cd -- "$1" && pwd)
children=${2:-2}
copy=$(mktemp -d "${TMPDIR:-/tmp}/dh-bot-mutants.XXXXXX")
git ls-files -z --cached --others --exclude-standard | tar -c --null --files-from=- | tar -x -C "$copy"
cd "$copy"

# Ledgers in memory where there is some: nobody wants to wait for a disk some thousand times.
if [ -d /dev/shm ] && [ -w /dev/shm ]; then
	TMPDIR=$(mktemp -d /dev/shm/dh-bot-mutants.XXXXXX)
	export TMPDIR
	trap 'rm -rf "$TMPDIR"' EXIT
fi

"$bin/mutmut" run --max-children "$children" >mutants.log 2>&1 || { tail -n 40 mutants.log; exit 1; }
echo "The copy and its log: $copy"
status=0
"$bin/python" tests/mutants.py || status=1
"$bin/python" tests/mutants_tables.py || status=1
exit $status

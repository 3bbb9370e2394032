#!/bin/sh
# The short tests on the newest Python that pyproject.toml names, or on the one that is named behind it: `newest.sh 3.13`.
# mmdebstrap makes a Debian that has it, in a folder; a copy of this tree goes into it; make installs the locks there and
# runs the tests, or those in $TESTS. Takes root. Nothing is left of it, and nothing outside of the folder changes.
set -eu

python=${1:-$(sed -n 's/.*"Programming Language :: Python :: \(3\.[0-9]*\)".*/\1/p' pyproject.toml | sort -V | tail -n 1)}
case $python in
3.13) release=trixie ;;
3.14) release=forky ;;
*) echo "tests/newest.sh does not know which Debian has Python $python. Add its name there." && exit 2 ;;
esac

if [ "$(id -u)" -ne 0 ]; then
	echo "A Debian in a folder is made by root. Run it with sudo." && exit 2
fi
if ! command -v mmdebstrap >/dev/null; then
	echo "mmdebstrap is not on this machine; Debian's package mmdebstrap has it." && [ -n "${DHBOT_PARTS_UNREACHABLE:-}" ]
	exit
fi

folder=$(mktemp -d "${TMPDIR:-/tmp}/dh-bot-python$python.XXXXXX")
trap 'rm -rf --one-file-system "$folder"' EXIT
trap 'exit 130' INT TERM
root=$folder/root
sources=/etc/apt/sources.list.d/debian.sources
mirror=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p' "$sources" 2>/dev/null | head -n 1)

# Whether the archive answers and has this release. It is asked as apt asks, and apt's lists of this machine stay. Where
# that file names none, mmdebstrap takes one of its own, and whether that one answers is not known here.
has() {
	[ -n "$mirror" ] && PATH=$PATH:/usr/lib/apt apt-helper download-file "$mirror/dists/$1/InRelease" "$folder/InRelease" >/dev/null 2>&1
}

# Lists that have run out are taken, too: a mirror may be late, and this Debian lives for some minutes.
late='Acquire::Check-Valid-Until "false"'
echo "== making a Debian $release with Python $python"
if ! mmdebstrap --quiet --mode=root --variant=minbase --aptopt="$late" \
	--include="python$python,python$python-venv,ca-certificates,git,make,openssl,procps" \
	"$release" "$root" ${mirror:+"$mirror"} >"$folder/log" 2>&1; then
	tail -n 20 "$folder/log"
	why=$(grep '^E: ' "$folder/log" | tail -n 1)
	if grep -q "No space left on device" "$folder/log"; then
		echo "No Debian was made: there is no space left for it in ${TMPDIR:-/tmp}." && exit 1
	elif has "$release"; then
		if grep -Eq "Unable to locate package python|python.* has no installation candidate" "$folder/log"; then
			echo "Debian's archive answers, but its $release has no Python $python." && exit 1
		fi
		echo "Debian's archive answers and has $release, but mmdebstrap failed: ${why:-it does not say why}" && exit 1
	elif has stable; then
		echo "Debian's archive answers, but there is no $release in it." && exit 1
	fi
	echo "== Debian's archive does not answer: nothing is tested on Python $python"
	[ -n "${CI:-}" ]
	exit
fi

# How this machine reaches Python's packages holds there, too: its certificates, its names, its environment.
certificates=/etc/ssl/certs/ca-certificates.crt
[ ! -e $certificates ] || cp $certificates "$root$certificates"
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
mkdir "$root/src"
git ls-files -z --cached --others --exclude-standard | tar -c --null --files-from=- | tar -x --no-same-owner -C "$root/src"

# promtool and systemd-analyze are no matter of Python's, and their packages bring servers: alerts and unit are tested
# outside.
left_out="tests/unit/ops/test_metrics.py::test_prometheus_itself_takes_the_alerts_and_fires_them
	--deselect tests/unit/repository/test_deploy.py::test_systemd_takes_the_unit_and_finds_it_tight"
# Mounts and processes of its own, which end with it.
unshare --mount --propagation private --pid --fork --kill-child sh -euc '
	mount --rbind /dev "$1/dev"
	mount -t proc proc "$1/proc"
	exec chroot "$1" env -u TMPDIR -u LANGUAGE PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 CI=true \
		PIP_CERT="$2" PYTEST_ADDOPTS="--deselect $3" \
		sh -euc "cd /src; git init --quiet; git add --all
			git -c user.name=tests -c user.email=tests@localhost commit --quiet --message copy
			exec make --no-print-directory PYTHON=python\$1 TESTS=\"\$2\" short" sh "$4" "$5"
' sh "$root" "$certificates" "$left_out" "$python" "${TESTS:-}"

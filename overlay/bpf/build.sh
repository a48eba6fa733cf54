#!/bin/sh
# Builds the striper and prints it as it is installed: compressed, and as text, since user-data takes nothing else. The same programs give
# the same bytes: Debian's clang-19, llvm-19, bpftool and xz-utils. "overlay/bpf/build.sh > overlay/striper/usr/local/lib/bondbox/striper.o.xz.base64"
# brings what is installed up to date; a test compares.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
clang-19 -Os -g -target bpf -mcpu=v3 -Wall -Wextra -Werror -I"/usr/include/$(uname -m)-linux-gnu" -c striper.c -o "$work/compiled.o"
# What debuggers want is left out. bpftool keeps only those texts of the rest that are still named.
llvm-objcopy-19 --strip-debug --remove-section=.BTF.ext --remove-section=.rel.BTF.ext --remove-section=.llvm_addrsig "$work/compiled.o"
/usr/sbin/bpftool gen object "$work/striper.o" "$work/compiled.o"
xz --check=crc32 --lzma2=preset=9e,lc=1,lp=2,pb=3 -c "$work/striper.o" | base64 -w 0
echo

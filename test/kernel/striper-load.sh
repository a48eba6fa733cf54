# Whether the kernel takes the striper, with two lines and with eight. After halves.sh.
in_half srv bondbox-bond start
result "kernel" uname -r
result "two" in_half srv bondbox-striper start
result "two: check" in_half srv bondbox-striper check && in_half srv bondbox-striper show
in_half srv bondbox-striper stop
sed -i '/"$1" tap/{p;p;p}' /p/srv/etc/bondbox/lines.conf
result "eight" in_half srv bondbox-striper start
result "eight: check" in_half srv bondbox-striper check && in_half srv bondbox-striper show

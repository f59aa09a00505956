#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# machine.sh FOLDER get|set PARAMETER [VALUE] ...: a machine that is a QEMU process, run by ipmi_sim for each chassis command.
# FOLDER/tftp: what it boots from the network. mac: its card. boot: the device of the next boot, forgotten by it. commands: what was asked.
cd "$1" || exit 1
operation=$2
shift 2
echo "$(date +%s.%N) $operation $*" >>commands

# A process that ended and that nobody has waited for yet is off too.
running() { grep -q '^State:[[:space:]]*[RSDTt]' "/proc/$(cat qemu.pid 2>/dev/null)/status" 2>/dev/null; }

start() {
    running && return
    order=c
    [ "$(cat boot 2>/dev/null)" = pxe ] && order=n
    rm -f boot
    echo "$order" >>booted
    qemu-system-x86_64 -accel tcg -m 64 -display none -nodefaults -no-reboot -boot "$order" -daemonize -pidfile qemu.pid \
        -netdev "user,id=n0,restrict=on,tftp=$PWD/tftp,bootfile=pxelinux.0" -device "virtio-net-pci,netdev=n0,mac=$(cat mac)" \
        -object filter-dump,id=d0,netdev=n0,file=wire.pcap </dev/null >qemu.log 2>&1
}

stop() { running && kill -9 "$(cat qemu.pid)"; }

case $operation in
get)
    for parameter; do
        case $parameter in
        power) running && echo power:1 || echo power:0 ;;
        boot) echo "boot:$(cat boot 2>/dev/null || echo default)" ;;
        *) exit 1 ;;
        esac
    done
    ;;
set)
    while [ $# -gt 1 ]; do
        case "$1 $2" in
        "power 1") start ;;
        "power 0") stop ;;
        "boot "*) echo "$2" >boot ;;
        *) exit 1 ;;
        esac
        shift 2
    done
    ;;
*) exit 1 ;;
esac
exit 0

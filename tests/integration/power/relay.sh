#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# relay.sh FOLDER: the relays of a DAEnetIP2 board, spoken to by snmpd (`pass_persist`; snmpd keeps answers of `pass` for a while).
# FOLDER/<block>.<pin>: 1 or 0. commands: what was set. stuck: pins that accept and do nothing.
# switched: if it is there, run with pin and value once a pin was set.
# answers: what the next readings show, one a line, instead of the truth. failing: no reading succeeds.
cd "$1" || exit 1

# Sets pin to <block>.<pin>, or fails.
known() {
    pin=${1#.1.3.6.1.4.1.19865.1.2.}
    case $pin in
    [123].[1-8].0) pin=${pin%.0} ;;
    *) return 1 ;;
    esac
}

while read -r request; do
    case $request in
    PING) echo PONG ;;
    get)
        read -r oid
        if known "$oid" && ! [ -e failing ]; then
            answer=
            [ -s answers ] && read -r answer <answers && sed -i 1d answers
            [ -n "$answer" ] || read -r answer <"$pin" || :
            printf '%s\n%s\n%s\n' "$oid" integer "$answer"
        else
            echo NONE
        fi
        ;;
    getnext)
        read -r oid
        echo NONE
        ;;
    set)
        read -r oid
        read -r type value
        if ! known "$oid"; then
            echo not-writable
        elif [ "$type" != integer ]; then
            echo wrong-type
        else
            echo "$pin $value" >>commands
            if ! grep -qx "$pin" stuck 2>/dev/null; then
                echo "$value" >"$pin"
                [ ! -x switched ] || ./switched "$pin" "$value" </dev/null >&2
            fi
            echo DONE
        fi
        ;;
    esac
done

#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# chassis.sh FOLDER get|set PARAMETER [VALUE] ...: the host behind a simulated controller, run by ipmi_sim for each chassis command.
# FOLDER/power: 1 or 0. commands: what was asked, with times. stuck: accepts and does nothing. delay: seconds before it acts.
# deaf: the operating system ignores a soft off. answers: what the next readings show, one a line, instead of the truth.
cd "$1" || exit 1
operation=$2
shift 2
echo "$(date +%s.%N) $operation $*" >>commands
[ -e delay ] && sleep "$(cat delay)"

power() { [ -e stuck ] || echo "$1" >power; }

case $operation in
get)
    for parameter; do
        case $parameter in
        power)
            answer=$(head -n 1 answers 2>/dev/null)
            [ -n "$answer" ] && sed -i 1d answers
            echo "power:${answer:-$(cat power)}"
            ;;
        boot) echo boot:default ;;
        *) exit 1 ;;
        esac
    done
    ;;
set)
    while [ $# -gt 1 ]; do
        case $1 in
        power) power "$2" ;;
        reset) power 1 ;;
        shutdown) [ -e deaf ] || power 0 ;;
        *) exit 1 ;;
        esac
        shift 2
    done
    ;;
*) exit 1 ;;
esac

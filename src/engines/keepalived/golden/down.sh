#!/bin/sh
nsenter --net=/run/netns/vb-ab12.gw.lab.first -- ip -force -batch - >/dev/null 2>&1 <<'END'
route del 0.0.0.0/0 via 147.135.161.158 dev ext
addr del 147.135.161.153/29 dev ext
addr del 10.200.0.1/16 dev lan
END
echo 'INSTANCE "gateway" STOPPED' 1<>'/run/vauban/ab12/gateway/gw.lab.first/keepalived/events'

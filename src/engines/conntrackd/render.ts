import type { ClusterPaths } from '../keepalived/paths.ts';
import type { ConntrackdInput } from './input.ts';

/**
 * conntrackd.conf: every message is confirmed (FTFW), and what the other node has goes into a cache of this program until it
 * is needed, not into the kernel.
 */
export const renderConfig = (input: ConntrackdInput, paths: ClusterPaths): string => `Sync {
  Mode FTFW {
    ResendQueueSize 131072
    PurgeTimeout 60
    ACKWindowSize 300
    DisableExternalCache off
  }
  UDP {
    IPv4_address ${input.own}
    IPv4_Destination_Address ${input.peer}
    Port ${input.port}
    Interface ${input.interface}
    SndSocketBuffer 1249280
    RcvSocketBuffer 1249280
    Checksum on
  }
}
General {
  Systemd off
  HashSize ${Math.ceil(input.entries / 4)}
  HashLimit ${input.entries * 2}
  LogFile off
  Syslog off
  LockFile ${paths.conntrackdLock}
  UNIX {
    Path ${paths.conntrackdSocket}
  }
  NetlinkBufferSize 2097152
  NetlinkBufferSizeMaxGrowth 8388608
  NetlinkOverrunResync on
  Filter From Userspace {
    Protocol Accept {
      TCP
      SCTP
      DCCP
      UDP
      ICMP
    }
    Address Ignore {
      IPv4_address 127.0.0.1
${input.local.map((it) => `      IPv4_address ${it}\n`).join('')}    }
  }
}
`;

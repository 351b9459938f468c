/**
 * Compiles everything that runs, and does nothing else. With NODE_COMPILE_CACHE set it leaves there what the processes then
 * start from.
 */
import './captive-portal.ts';
import './control.ts';
import './edge.ts';
import './gateway-routers.ts';
import './gateway.ts';
import './host.ts';
import './ipsec.ts';
import './metadata.ts';
import './vpn.ts';

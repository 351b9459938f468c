/**
 * What the identity-aware proxy costs: requests a second and instructions a request, against the same load balancer
 * without it. Run as root: node bench/edge.ts [slices] [seconds] [instructions]. Needs wrk, h2load and valgrind.
 *
 * HAProxy and the edge service stand on core 0, clients and servers on core 1. Slices of the two take turns, each ratio is
 * to its neighbours; the median counts, [a-b] are the lowest and the highest. A machine that does other things moves single
 * slices by a quarter and more: then only the instructions mean something.
 */
import { FRONT, HOST, type IapLab, iapLab, protectedSite } from '../test/iap-lab.ts';
import { service } from '../test/proxy-lab.ts';
import { instructionsPerRequest } from './edge-instructions.ts';
import { CLIENT_CORE, EDGE_CORE, pin, put, shown, spread, type Version } from './edge-load.ts';

const slices = Number(process.argv[2] ?? 6);
const seconds = Number(process.argv[3] ?? 3);
const counts = process.argv[4] !== 'no';

/** Instructions in user space that HAProxy may take for one request with the identity-aware proxy on. */
const BUDGET = 90_000;

/** Nothing is protected: then HAProxy has no rule of the identity-aware proxy at all. */
const bareSite = () => protectedSite({ services: [service('web')] });

const perSecond = async (lab: IapLab, cookies: readonly string[], version: Version): Promise<number> =>
  (await put({ lab, cookies, version, seconds, address: FRONT, port: 443, host: HOST, path: '/' })).perSecond;

const [guarded, bare] = [await iapLab(), await iapLab(bareSite())];
try {
  for (const { machine } of [guarded, bare]) {
    await pin(machine, 'edge', EDGE_CORE);
    await pin(machine, 'hosts', CLIENT_CORE);
  }
  const cookies = Array.from({ length: 64 }, () => guarded.signIn());
  for (const version of ['h1', 'h2'] as const) {
    const ratios: number[] = [];
    const absolute: number[] = [];
    let before = await perSecond(bare, cookies, version);
    for (let slice = 0; slice < slices; slice++) {
      const own = await perSecond(guarded, cookies, version);
      const after = await perSecond(bare, cookies, version);
      ratios.push(own / ((before + after) / 2));
      absolute.push(own);
      before = after;
    }
    console.log(
      `${version}: ${shown(spread(ratios))} of the same load balancer without it (${shown(spread(absolute))} requests/s)`,
    );
  }
  if (counts) {
    for (const [path, what] of Object.entries({ '/sized': 'answers with a length', '/': 'answers without one' })) {
      const with_ = await instructionsPerRequest(guarded, cookies[0] ?? '', path);
      const without = await instructionsPerRequest(bare, cookies[0] ?? '', path);
      const over = Math.round(with_ - BUDGET);
      console.log(
        `instructions a request, ${what}: ${Math.round(with_)} with, ${Math.round(without)} without: ${(with_ / without).toFixed(2)}; ` +
          `budget of ${BUDGET}: ${over <= 0 ? `met, ${-over} to spare` : `NOT met, ${over} too many`}`,
      );
    }
  }
} finally {
  await guarded.remove();
  await bare.remove();
}

import { expect, test } from 'vitest';
import { statisticsOf } from './statistics.ts';

const printed = `cache internal:
current active connections:	          12
connections created:		          99	failed:	           0

cache external:
current active connections:	           7
connections created:		          98	failed:	           0

UDP traffic (active device=ha):
                   8 Bytes sent                    0 Bytes recv
                   1 Pckts sent                    0 Pckts recv
                   2 Error send                    1 Error recv

message tracking:
                   0 Malformed msgs                    6 Lost msgs

queue txqueue:
current elements:		           3
maximum elements:		  2147483647

queue rsqueue:
current elements:		           4
maximum elements:		      131072
`;

test('what conntrackd prints about caches, the resend queue and losses is read by name', () => {
  expect(statisticsOf(printed)).toEqual({ ownConnections: 12, peerConnections: 7, errors: 3, lost: 6, resendQueue: 4 });
});

test('a text of another kind gives nothing, and breaks nothing', () => {
  expect(statisticsOf("can't connect: is conntrackd running?")).toEqual({});
});

import { request } from 'node:http';
import { type EdgeHealth, HEALTH_PATH } from './paths.ts';

/** Asks the edge service how it is. Rejects when it does not answer within two seconds. */
export const healthAt = (socketPath: string): Promise<EdgeHealth> =>
  new Promise((done, fail) => {
    const asked = request({ socketPath, path: HEALTH_PATH, headers: { host: 'edge' }, timeout: 2000 }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      answer.on('error', fail);
      answer.on('end', () => {
        try {
          done(JSON.parse(text) as EdgeHealth);
        } catch (error) {
          fail(error);
        }
      });
    });
    asked.on('timeout', () => asked.destroy(new RangeError('no answer within two seconds')));
    asked.on('error', fail);
    asked.end();
  });

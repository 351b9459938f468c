import type { BackendService, Check } from './input.ts';
import { quoted } from './names.ts';

/** Lines that tell a backend how to find out whether a server is well. */
export function healthLines(service: BackendService): readonly string[] {
  const { check } = service;
  if (check === undefined) return [];
  const timeout = `timeout check ${check.timeout}s`;
  return check.type === 'tcp' || check.type === 'ssl'
    ? [timeout, ...transportLines(check)]
    : [timeout, ...httpLines(service, check)];
}

function transportLines(check: Check): readonly string[] {
  return [
    'option tcp-check',
    `tcp-check connect${portOf(check)}${check.type === 'ssl' ? ' ssl' : ''}`,
    ...(check.response === '' ? [] : [`tcp-check expect string ${quoted(check.response)}`]),
  ];
}

const portOf = ({ port }: Check): string => (port === undefined ? '' : ` port ${port}`);

/** The protobuf of an answer that says SERVING. */
const SERVING = '\\x08\\x01';

function httpLines({ protocol }: BackendService, check: Check): readonly string[] {
  const isGrpc = check.type === 'grpc';
  const encrypted = check.type === 'https' || check.type === 'http2' || (isGrpc && protocol === 'HTTP2');
  const h2 = check.type === 'http2' || isGrpc;
  const version = h2 ? 'HTTP/2' : 'HTTP/1.1';
  const connect = `http-check connect${portOf(check)}${encrypted ? ` ssl alpn ${h2 ? 'h2' : 'http/1.1'}` : ''}${h2 ? ' proto h2' : ''}`;
  const common = [`hdr User-Agent Vauban-HealthCheck/1.0`, `hdr Host ${check.host ?? 'health-check'}`];
  if (isGrpc) {
    return [
      'option httpchk',
      connect,
      `http-check send meth POST uri /grpc.health.v1.Health/Check ver HTTP/2 ${common.join(' ')} hdr Content-Type application/grpc hdr TE trailers body-lf "%[bin(${grpcRequest(check.service)})]"`,
      'http-check expect status 200',
      `http-check expect string "${SERVING}"`,
    ];
  }
  return [
    'option httpchk',
    connect,
    `http-check send meth GET uri ${quoted(check.path)} ver ${version} ${common.join(' ')}`,
    'http-check expect status 200',
    ...(check.response === '' ? [] : [`http-check expect string ${quoted(check.response)}`]),
  ];
}

/** A length-prefixed HealthCheckRequest, as hexadecimal digits. */
function grpcRequest(service: string): string {
  const name = Buffer.from(service, 'utf8');
  const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]).toString('hex');
}

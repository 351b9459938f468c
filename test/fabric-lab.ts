import { eventually, type TestDeployment } from './deployment.ts';

/** A server for a startup script: it tells every TCP connection who it thinks has called and its own name; UDP it swallows. */
export const answers = (...ports: readonly number[]): string => `
      cat >/run/answer.py <<'END'
      import socket, sys, threading
      def serve(port):
          s = socket.socket()
          s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
          s.bind(('', port))
          s.listen(9)
          silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
          silent.bind(('', port))
          while True:
              c, peer = s.accept()
              c.recv(999)
              c.sendall(('HTTP/1.0 200 OK\\r\\n\\r\\n%s %s' % (peer[0], socket.gethostname())).encode())
              c.close()
      for port in sys.argv[1:]:
          threading.Thread(target=serve, args=(int(port),)).start()
      END
      setsid python3 /run/answer.py ${ports.join(' ')} </dev/null >/dev/null 2>&1 &
`;

/** For a startup script: whoever connects to `port` gets everything back, and whoever connects to the next one, their address. */
export const echoes = (port: number): string => `
      cat >/run/echo.py <<'END'
      import socket, threading
      def echo(c, peer):
          while True:
              b = c.recv(65536)
              if not b: break
              c.sendall(b)
          c.close()
      def tell(c, peer):
          c.sendall(peer[0].encode())
          c.close()
      def listen(port, answer):
          s = socket.socket()
          s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
          s.bind(('', port))
          s.listen(50)
          while True:
              threading.Thread(target=answer, args=s.accept()).start()
      threading.Thread(target=listen, args=(${port}, echo)).start()
      threading.Thread(target=listen, args=(${port + 1}, tell)).start()
      END
      setsid python3 /run/echo.py </dev/null >/dev/null 2>&1 &
`;

/** What can be tried between hosts of a deployment; a host is named PROJECT/INSTANCE. */
export interface Tries {
  /** Runs a shell script inside; gives what it printed, both streams. */
  sh(host: string, script: string): Promise<string>;
  /** What a server said that was asked over TCP, such as "10.0.0.1 server"; empty when nobody answered in a second. */
  ask(host: string, address: string, port?: number): Promise<string>;
  /** Whether an echo request is answered within a second. */
  ping(host: string, address: string): Promise<boolean>;
  /** Waits until a host's own server listens. */
  listening(host: string, port?: number): Promise<void>;
}

export function triesOf(lab: TestDeployment): Tries {
  const sh = async (host: string, script: string): Promise<string> => {
    const { stdout, stderr } = await lab.inside(host, 'sh', '-c', script);
    return (stdout + stderr).trim();
  };
  return {
    sh,
    ask: async (host, address, port = 80) =>
      (await lab.inside(host, 'curl', '-s', '--noproxy', '*', '-m', '1', `http://${address}:${port}/`)).stdout,
    ping: async (host, address) => (await lab.inside(host, 'ping', '-c', '1', '-W', '1', address)).code === 0,
    listening: async (host, port = 80) => {
      await eventually(
        () => sh(host, `ss -Hltn "sport = :${port}"`),
        (text) => text !== '',
        // It may have to be installed first.
        120,
      );
    },
  };
}

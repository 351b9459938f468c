/** A lease as its server remembers it. */
export interface Lease {
  readonly mac: string;
  readonly address: string;
  /** What the host calls itself, or what its reservation calls it; empty when neither does. */
  readonly name: string;
  /** Seconds since 1970. */
  readonly expires: number;
}

/** dnsmasq's lease file: expiry, Ethernet address, address, name or `*`, client id. Other lines are not ours to read. */
export const parseLeases = (text: string): readonly Lease[] =>
  text.split('\n').flatMap((line) => {
    const [expires = '', mac = '', address = '', name = ''] = line.split(' ');
    if (!/^\d+$/.test(expires) || !/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac)) return [];
    return [
      { mac, address, name: /^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/.test(name) ? name : '', expires: Number(expires) },
    ];
  });

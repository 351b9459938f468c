import { keyOf, type Resource } from '#core/resource.ts';
import type { Feeds } from '../define.ts';
import type { Front } from '../forwarding-rule/front.ts';
import { toEdgeBase, toEdgeNamespace, toEdgeUplink } from '../network/edge.ts';
import { INTERNET, internetNamespace, internetResolver } from '../network/fabric.ts';
import { type IdentityProviderAssigned, type IdentityProviderSpec, signInHost } from './kind.ts';

type Provider = Resource<IdentityProviderSpec, IdentityProviderAssigned>;

/** Where our own sign-in pages stand; undefined for providers elsewhere. */
const frontOf = ({ assigned }: Provider): Front | undefined => {
  const { address, transit, externalAddresses = [] } = assigned;
  return address === undefined || transit === undefined ? undefined : { address, transit, externalAddresses };
};

const withFront =
  <T>(give: (provider: Provider, front: Front) => readonly T[]) =>
  (provider: Provider): readonly T[] => {
    const front = frontOf(provider);
    return front === undefined ? [] : give(provider, front);
  };

/** The sign-in pages have an address, a name and a certificate of their own, like accounts.google.com. */
export const signInFeeds: Feeds<IdentityProviderSpec, IdentityProviderAssigned> = {
  namespace: withFront(({ project }, { address }) => [toEdgeNamespace(project, [address]), internetNamespace]),
  link: withFront(({ project }, { address, transit }) => toEdgeUplink(project, transit, [address])),
  dnsmasq: withFront((provider, { address }) => [
    internetResolver,
    { namespace: INTERNET, record: { address, names: [signInHost(provider)] } },
  ]),
  haproxy: withFront((provider, { address }) => {
    const { project, name, spec } = provider;
    const { sslCertificate: certificate } = spec;
    const names = [signInHost(provider)];
    const own = { id: keyOf(provider), name, address, port: 443, names };
    return [toEdgeBase(project), { project, own: certificate === undefined ? own : { ...own, certificate } }];
  }),
};

import { keyOf, type Resource } from '#core/resource.ts';
import type { Destination, RouteMap } from '#engines/haproxy/input.ts';
import { didYouMean } from '#lib/text.ts';
import { defineKind, type Objection } from '../define.ts';
import { redirectCodes, type UrlMapSpec as Spec, UrlMapSpec, type UrlRedirect } from './spec.ts';

export const urlMap = defineKind<Spec>({
  kind: 'urlMap',
  title: 'URL map',
  spec: UrlMapSpec,
  check: (resource) => checkMap(resource),
  columns: [
    { title: 'DEFAULT_SERVICE', value: ({ spec }) => spec.defaultService ?? 'redirect' },
    { title: 'HOSTS', value: ({ spec }) => spec.hostRules.flatMap((it) => it.hosts).join(',') || '*' },
  ],
  feeds: { haproxy: (resource) => [{ project: resource.project, route: toRoutes(resource) }] },
  example: {
    'my-load-balancer': { defaultService: 'my-backend-service' },
    'to-https': { defaultUrlRedirect: { httpsRedirect: true } },
  },
});

type Target = { readonly service?: string | undefined; readonly redirect?: UrlRedirect | undefined };

function checkMap({ spec }: Resource<Spec>): Objection[] {
  const names = spec.pathMatchers.map((it) => it.name);
  const hosts = spec.hostRules.flatMap((rule, index) => rule.hosts.map((host, at) => ({ host, index, at })));
  return [
    ...checkTarget({ service: spec.defaultService, redirect: spec.defaultUrlRedirect }, [], false),
    ...spec.pathMatchers.flatMap((matcher, index) => checkMatcher(matcher, ['pathMatchers', index])),
    ...names.flatMap((name, index) =>
      names.indexOf(name) === index
        ? []
        : [{ path: ['pathMatchers', index, 'name'], message: `${name} is there twice`, fix: 'Choose another name.' }],
    ),
    ...spec.hostRules.flatMap(({ pathMatcher }, index): Objection[] => {
      if (names.includes(pathMatcher)) return [];
      const near = didYouMean(pathMatcher, names);
      const fix = near === undefined ? 'Declare it under pathMatchers.' : `Did you mean ${near}?`;
      const path = ['hostRules', index, 'pathMatcher'];
      return [{ code: 'REFERENCE_DANGLING', path, message: `there is no path matcher ${pathMatcher}`, fix }];
    }),
    ...hosts.flatMap(({ host, index, at }, position): Objection[] => {
      if (hosts.findIndex((it) => it.host === host) === position) return [];
      const path = ['hostRules', index, 'hosts', at];
      return [{ path, message: `${host} is named by two rules`, fix: 'Name a host once.' }];
    }),
  ];
}

function checkMatcher(matcher: Spec['pathMatchers'][number], at: readonly (string | number)[]): Objection[] {
  const seen = new Set<string>();
  return [
    ...checkTarget({ service: matcher.defaultService, redirect: matcher.defaultUrlRedirect }, at, false),
    ...matcher.pathRules.flatMap((rule, index): Objection[] => [
      ...checkTarget({ service: rule.service, redirect: rule.urlRedirect }, [...at, 'pathRules', index], true),
      ...rule.paths.flatMap((path, position): Objection[] => {
        const twice = seen.has(path);
        seen.add(path);
        if (!twice) return [];
        const place = [...at, 'pathRules', index, 'paths', position];
        return [{ path: place, message: `${path} is named by two rules`, fix: 'Name a path once.' }];
      }),
    ]),
  ];
}

function checkTarget({ service, redirect }: Target, path: readonly (string | number)[], matched: boolean): Objection[] {
  const [one, other] = matched ? ['service', 'urlRedirect'] : ['defaultService', 'defaultUrlRedirect'];
  const objection = (message: string, fix: string): Objection[] => [{ code: 'INVALID_DOCUMENT', path, message, fix }];
  if ((service === undefined) === (redirect === undefined)) {
    const message = service === undefined ? 'it leads nowhere' : 'it leads to a service and elsewhere at once';
    return objection(message, `Give one of \`${one}\` and \`${other}\`.`);
  }
  if (redirect === undefined) return [];
  const { httpsRedirect, hostRedirect, pathRedirect, prefixRedirect } = redirect;
  if (pathRedirect !== undefined && prefixRedirect !== undefined) {
    return objection('a path and a prefix exclude each other', 'Keep one of `pathRedirect` and `prefixRedirect`.');
  }
  if (prefixRedirect !== undefined && !matched) {
    return objection('a prefix needs a path rule that matched it', 'Use `pathRedirect`, or put it into a path rule.');
  }
  if (!httpsRedirect && hostRedirect === undefined && pathRedirect === undefined && prefixRedirect === undefined) {
    return objection(
      'the new address would be the same as the old',
      'Say what is different: `httpsRedirect: true`, for instance.',
    );
  }
  return [];
}

function destination({ service, redirect }: Target, matched?: string): Destination {
  if (service !== undefined || redirect === undefined) return { service: service ?? '' };
  const { httpsRedirect, hostRedirect, pathRedirect, prefixRedirect, redirectResponseCode, stripQuery } = redirect;
  return {
    redirect: {
      code: redirectCodes[redirectResponseCode],
      https: httpsRedirect,
      ...(hostRedirect === undefined ? {} : { host: hostRedirect }),
      ...(pathRedirect === undefined ? {} : { path: pathRedirect }),
      ...(prefixRedirect === undefined ? {} : { prefix: prefixRedirect, matched: matched ?? '/' }),
      stripQuery,
    },
  };
}

/** The part of a path that a prefix stands in for: `/old` of `/old/*`. */
const matchedBy = (path: string): string => (path.endsWith('/*') ? path.slice(0, -2) || '/' : path);

function toRoutes(resource: Resource<Spec>): RouteMap {
  const { name, spec } = resource;
  return {
    id: keyOf(resource),
    name,
    otherwise: destination({ service: spec.defaultService, redirect: spec.defaultUrlRedirect }),
    hosts: spec.hostRules.flatMap((rule) => rule.hosts.map((host) => ({ host, matcher: rule.pathMatcher }))),
    matchers: spec.pathMatchers.map((matcher) => ({
      name: matcher.name,
      otherwise: destination({ service: matcher.defaultService, redirect: matcher.defaultUrlRedirect }),
      paths: matcher.pathRules.flatMap((rule) =>
        rule.paths.map((path) => ({
          path,
          to: destination({ service: rule.service, redirect: rule.urlRedirect }, matchedBy(path)),
        })),
      ),
    })),
  };
}

/** Whether somebody who comes over https is sent to the very address that he came from. */
export const sendsBack = ({ spec }: Resource<Spec>): boolean =>
  [
    spec.defaultUrlRedirect,
    ...spec.pathMatchers.flatMap((it) => [it.defaultUrlRedirect, ...it.pathRules.map((rule) => rule.urlRedirect)]),
  ].some(
    (it) =>
      it?.httpsRedirect === true &&
      [it.hostRedirect, it.pathRedirect, it.prefixRedirect].every((part) => part === undefined),
  );

/** All backend services that it leads to. */
export const servicesOf = (spec: Spec): readonly string[] =>
  [
    ...[spec.defaultService, ...spec.pathMatchers.map((it) => it.defaultService)],
    ...spec.pathMatchers.flatMap((it) => it.pathRules.map((rule) => rule.service)),
  ].filter((it) => it !== undefined);

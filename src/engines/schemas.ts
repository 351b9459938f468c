import * as z from 'zod';
import { parseAddress, parsePrefix } from '#lib/ip.ts';

/** Small schemas that several engines' inputs share. They admit no quote, space, brace or newline. */

export const NamespaceName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.-]{0,190}$/)
  .describe('Short name of a network namespace; the machine adds the deployment.');

export const InterfaceName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,14}$/)
  .describe('Name of a network interface, at most 15 characters.');

export const Alias = z
  .string()
  .regex(/^(?!.*\/\.{0,2}(\/|$))(\w[\w./:-]{0,199})?$/)
  .describe('What an interface belongs to, for people (`ip link`).');

export const Address = z
  .string()
  .refine((text) => parseAddress(text) !== undefined, 'not an IPv4 address such as 192.168.10.20')
  .describe('IPv4 address.');

export const Prefix = z
  .string()
  .refine((text) => parsePrefix(text) !== undefined, 'not a prefix such as 10.0.0.0/8')
  .describe('IPv4 prefix.');

export const InterfaceAddress = z
  .string()
  .refine((text) => {
    const [host = '', length = '', ...rest] = text.split('/');
    return rest.length === 0 && parseAddress(host) !== undefined && /^([0-9]|[12][0-9]|3[0-2])$/.test(length);
  }, 'not an address with a length such as 10.200.0.1/16')
  .describe('IPv4 address of an interface, with the length of what is on its link.');

export const Mac = z
  .string()
  .regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/)
  .describe('Ethernet address.');

export const ResourceKeyText = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9.-]*(\/[A-Za-z0-9][A-Za-z0-9.:_-]*){1,4}$/)
  .max(200)
  .describe('Key of the resource that this belongs to, as project/kind/name.');

export const Sysctls = z
  .record(
    // These alone: a name is a path below /proc/sys, and much that stands there is the whole machine's.
    z
      .string()
      .regex(
        /^net\.(ipv4\.(ip_[a-z_]{1,40}|conf\.(all|default|\*)\.[a-z_]{1,40})|netfilter\.nf_conntrack_(acct|timestamp|tcp_be_liberal))$/,
      ),
    z.int().min(-1).max(2147483647),
  )
  .describe('Kernel settings of the network namespace.');

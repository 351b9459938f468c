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

export const Address = z
  .string()
  .refine((text) => parseAddress(text) !== undefined, 'not an IPv4 address such as 192.168.10.20')
  .describe('IPv4 address.');

export const Prefix = z
  .string()
  .refine((text) => parsePrefix(text) !== undefined, 'not a prefix such as 10.0.0.0/8')
  .describe('IPv4 prefix.');

export const Mac = z
  .string()
  .regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/)
  .describe('Ethernet address.');

export const ResourceKeyText = z
  .string()
  .regex(/^[A-Za-z0-9.-]+(\/[A-Za-z0-9.:_-]+){1,4}$/)
  .max(200)
  .describe('Key of the resource that this belongs to, as project/kind/name.');

export const Sysctls = z
  .record(z.string().regex(/^net\.[a-z0-9_./*-]{1,100}$/), z.int().min(-1).max(2147483647))
  .describe('Kernel settings of the network namespace, names with slashes or dots.');

import * as z from 'zod';
import { firstOf, formatPrefix, parseAddress, parsePrefix } from '#lib/ip.ts';

/** Fields that several kinds share. One string schema with one message each: a union would only say "Invalid input". */

export const Prefix = z
  .string()
  .check(({ value, issues }) => {
    if (parsePrefix(value) !== undefined) return;
    const near = nearestPrefix(value);
    const fix = near === undefined ? 'Write a prefix such as 10.0.0.0/8.' : `Did you mean ${near}?`;
    issues.push({ code: 'custom', message: 'not a prefix such as 10.0.0.0/8', input: value, params: { fix } });
  })
  .meta({ id: 'Prefix', examples: ['10.0.0.0/8'] });

/** An address without a length is one host; bits beyond the length are the usual slip. */
function nearestPrefix(text: string): string | undefined {
  const [host = '', length = '32', ...rest] = text.split('/');
  const base = parseAddress(host);
  if (base === undefined || rest.length > 0 || !/^\d{1,2}$/.test(length) || Number(length) > 32) return undefined;
  return formatPrefix({ base: firstOf({ base, length: Number(length) }), length: Number(length) });
}

export const Address = z
  .string()
  .refine((text) => parseAddress(text) !== undefined, 'not an IPv4 address such as 192.168.10.20')
  .meta({ id: 'Address', examples: ['192.168.10.20'] });

export const Region = z
  .string()
  .regex(/^[a-z]+(-[a-z]+)*-?[a-z]+\d{1,2}$/, 'not a region such as us-east1')
  .max(40)
  .meta({ id: 'Region', examples: ['us-east1'] });

export const Zone = z
  .string()
  .regex(/^[a-z]+(-[a-z]+)*-?[a-z]+\d{1,2}-[a-z]$/, 'not a zone such as us-east1-b')
  .max(42)
  .meta({ id: 'Zone', examples: ['us-east1-b'] });

export const regionOf = (zone: string): string => zone.slice(0, -2);

export const Tag = z
  .string()
  .regex(
    /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/,
    'not a tag: a lower-case letter, then lower-case letters, digits and dashes',
  )
  .meta({ id: 'Tag', examples: ['server'] });

/**
 * A field whose value is sealed as soon as it is accepted: it is shown to nobody again. In a site file it is best taken
 * from a file: `!file PATH`. `x-secret` reaches JSON Schema, docs and whoever seals.
 */
export const secret = () => z.string().min(1).max(65_536).meta({ 'x-secret': true });

export const Description = z.string().max(2048).default('').describe('Free text for people.');

export const Labels = z
  .record(
    z
      .string()
      .regex(
        /^[a-z][a-z0-9_-]{0,62}$/,
        'not a label key such as team: a lower-case letter, then lower-case letters, digits, - and _',
      ),
    z.string().regex(/^[a-z0-9_-]{0,63}$/, 'not a label value: lower-case letters, digits, - and _'),
  )
  .default({})
  .describe('Key and value pairs for people and filters.');

export const Host = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'not a host name in lower case such as www.example.com')
  .meta({ id: 'LowerHostName', examples: ['www.example.com'] });

/** Path of a URL without query; what is not plain ASCII must be encoded. */
export const UrlPath = z
  .string()
  .max(1024)
  .regex(/^\/[!$-[\]-~]*$/, 'not a path such as /images/logo.png')
  .refine((text) => !/[?#"]/.test(text), 'a path has no query, fragment or quote')
  .meta({ id: 'UrlPath', examples: ['/images'] });

import { compilePack } from './compile.ts';
import { commandInjection } from './http/command-injection.ts';
import { injection } from './http/injection.ts';
import { java } from './http/java.ts';
import { php } from './http/php.ts';
import { probes } from './http/probes.ts';
import { products } from './http/products.ts';
import { shellshock } from './http/shellshock.ts';
import { traversal } from './http/traversal.ts';
import { webshell } from './http/webshell.ts';
import { control } from './malware/control.ts';
import { eicar } from './malware/eicar.ts';
import { dns } from './network/dns.ts';
import { scan } from './network/scan.ts';
import { services } from './network/services.ts';
import type { Rule } from './rule.ts';

/** Every rule of the pack; a family is one file and one line here. */
export const rules: readonly Rule[] = [
  ...shellshock,
  ...traversal,
  ...commandInjection,
  ...injection,
  ...java,
  ...php,
  ...products,
  ...probes,
  ...webshell,
  ...eicar,
  ...control,
  ...scan,
  ...services,
  ...dns,
];

export const pack = compilePack(rules);

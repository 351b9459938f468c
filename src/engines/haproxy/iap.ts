import type { Section } from './backend.ts';
import type { BackendService, Frontend, HaproxyInput } from './input.ts';

/** Where the identity-aware proxy has its say. Nothing here costs anything for services that it does not protect. */

/** Whether the identity-aware proxy stands before a service. */
export const isProtected = (_service: BackendService): boolean => false;

/** Rules of a front end behind those that found the service: `txn.backend` names it. */
export const decidingRules = (_frontend: Frontend, _input: HaproxyInput): readonly string[] => [];

/** `use_backend` lines that come before the one that all requests take. */
export const decidingChoices = (_frontend: Frontend, _input: HaproxyInput): readonly string[] => [];

/** Rules of a protected service's backend, for requests that were allowed before. */
export const passingRules = (_service: BackendService, _input: HaproxyInput): readonly string[] => [];

/** Rules and filter of its twin, which asks the edge service about each request. */
export const askingRules = (_service: BackendService, _input: HaproxyInput): readonly string[] => [];

/** Further sections: the agent, the pages of the edge service, tables. */
export const decidingSections = (_input: HaproxyInput): readonly Section[] => [];

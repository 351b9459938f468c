import type { Category, Severity, ThreatType } from './taxonomy.ts';

/** One side's turn in a conversation. Text is one byte for each character. */
export interface Turn {
  readonly from: 'client' | 'server';
  readonly data: string | Uint8Array;
}

/** One conversation. `label` says what is special about it. */
export interface Spoken {
  readonly kind: 'tcp' | 'udp';
  readonly label: string;
  readonly port: number;
  readonly turns: readonly Turn[];
  /** The engine has to see both directions to recognise the protocol. */
  readonly twoWay?: boolean;
}

/** Traffic that a rule is tried against, before any packet exists. */
export type Sample =
  | Spoken
  /** Echo requests (and replies) from one host to `hosts` others, `every` milliseconds apart. */
  | {
      readonly kind: 'ping';
      readonly label: string;
      readonly hosts: number;
      readonly every: number;
      readonly size?: number;
    }
  /** Connection attempts from one host: every port of every one of `hosts` hosts, `every` milliseconds apart. */
  | {
      readonly kind: 'connect';
      readonly label: string;
      readonly hosts: number;
      readonly ports: readonly number[];
      readonly every: number;
      /** What the other side answers. */
      readonly answer: 'accept' | 'reset' | 'nothing';
    }
  /** Several samples of one client, one after the other, `every` milliseconds apart. */
  | {
      readonly kind: 'series';
      readonly label: string;
      readonly every: number;
      readonly parts: readonly Conversation[];
    };

export interface Conversation {
  readonly kind: 'tcp' | 'udp';
  readonly port: number;
  readonly turns: readonly Turn[];
}

/** A detection rule with its explanation and its proof. */
export interface Rule {
  /** 9,000,100 to 9,999,999; never reused. */
  readonly sid: number;
  /** Raised when the match changes. */
  readonly rev: number;
  /** Number under which the threat is shown; default the sid. Rules may share one. */
  readonly threat?: number;
  readonly name: string;
  readonly severity: Severity;
  readonly type: ThreatType;
  readonly category: Category;
  readonly cves?: readonly string[];
  /** What it means and what to do, for the person who reads the alert. */
  readonly description: string;
  readonly references?: readonly string[];
  /** The rule's header after the action, such as `http any any -> any any`. */
  readonly on: string;
  /** Everything between the message and the classtype, in Suricata's language, one option (or more) per element. */
  readonly match: readonly string[];
  /** Each must fire this rule, in every way it can be cut into packets. */
  readonly attacks: readonly Sample[];
  /** Raises at most one alert in a connection; for rules on the bare stream, which would match it again as it grows. */
  readonly oncePerFlow?: boolean;
  /** Marks the connection for other rules and raises nothing: no alert, no entry in the catalogue, no samples. */
  readonly silent?: boolean;
  /** Look-alikes: none may fire any rule of the pack. */
  readonly benign: readonly Sample[];
}

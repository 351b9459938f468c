/**
 * Every failure a person can meet. A code is API: never reworded, never reused.
 * `status` is the HTTP status of the API's answer. docs/reference/problems.md is generated from this table.
 */
export const problems = {
  INVALID_DOCUMENT: { status: 400, title: 'The document is not what the schema asks for' },
  INVALID_REQUEST: { status: 400, title: 'The request is malformed' },
  UNAUTHENTICATED: { status: 401, title: 'No valid token came with the request' },
  PERMISSION_DENIED: { status: 403, title: 'The token has not the role that this needs' },
  SERVICE_DISABLED: { status: 403, title: 'The service is switched off in this project' },
  NOT_FOUND: { status: 404, title: 'There is no such thing' },
  ALREADY_EXISTS: { status: 409, title: 'A resource of that kind and name exists' },
  IN_USE: { status: 409, title: 'Something else still refers to it' },
  ETAG_MISMATCH: { status: 412, title: 'It was changed by somebody else meanwhile' },
  CHANGE_IN_PROGRESS: { status: 409, title: 'Another change is being applied or waits for its confirmation' },
  BODY_TOO_LARGE: { status: 413, title: 'The request body is larger than the limit' },
  REFERENCE_DANGLING: { status: 422, title: 'A reference points at nothing' },
  CONFLICTING: { status: 422, title: 'Two declarations contradict each other' },
  UNMET: { status: 422, title: 'Something that this needs is missing' },
  RATE_LIMITED: { status: 429, title: 'Too many requests' },
  ENGINE_REJECTED: { status: 409, title: 'An engine refused the compiled configuration' },
  ENGINE_FAILED: { status: 500, title: 'An engine could not be brought into the wanted state' },
  HOST_UNREACHABLE: { status: 503, title: 'The host agent does not answer' },
  HOST_UNFIT: { status: 503, title: 'This machine lacks something that is needed' },
  INTERNAL: { status: 500, title: 'A defect in Vauban' },
} as const;

export type ProblemCode = keyof typeof problems;

export interface ProblemParts {
  /** Where: `site.yaml:12:9 firewallRules/allow-web sourceRanges[0]`, or the resource, or the engine's object. */
  readonly at: string;
  /** What is wrong, as a sentence without a full stop. */
  readonly message: string;
  /** What to do about it. */
  readonly fix: string;
}

export interface ProblemDocument extends ProblemParts {
  readonly code: ProblemCode;
  /** The single mistakes, when there is more than one. */
  readonly details?: readonly ProblemDocument[];
}

/** A failure that knows its place and its way out. The only error that crosses a process boundary. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  readonly at: string;
  readonly fix: string;
  readonly details: readonly ProblemDocument[];

  constructor(
    code: ProblemCode,
    parts: ProblemParts & { readonly cause?: unknown; readonly details?: readonly ProblemDocument[] },
  ) {
    super(parts.message, { cause: parts.cause });
    this.code = code;
    this.at = parts.at;
    this.fix = parts.fix;
    this.details = parts.details ?? [];
  }

  /** One problem that stands for several; the first gives code and place. */
  static all(list: readonly ProblemDocument[]): Problem {
    const [first] = list;
    if (first === undefined) throw new RangeError('no problem to report');
    if (list.length === 1) return Problem.from(first);
    return new Problem(first.code, {
      at: first.at,
      message: `${list.length} mistakes were found`,
      fix: 'Nothing was changed. Correct them, then try again.',
      details: list,
    });
  }

  static from(document: ProblemDocument): Problem {
    return new Problem(document.code, document);
  }

  toJSON(): ProblemDocument {
    return {
      code: this.code,
      at: this.at,
      message: this.message,
      fix: this.fix,
      ...(this.details.length > 0 ? { details: this.details } : {}),
    };
  }
}

/** Anything thrown, as a Problem; what is not one of ours is a defect and keeps its stack as cause. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new Problem('INTERNAL', {
    at: 'vauban',
    message,
    fix: 'Please report this with the log of the process that printed it.',
    cause: error,
  });
}

// Whatever went wrong with a request, as one class.

export interface FieldProblem {
  pointer?: string;
  parameter?: string;
  header?: string;
  detail: string;
}

// What a person can do about it decides the kind:
//   offline    this device has no network
//   timeout    no answer in time; the work may have been done
//   down       the service cannot be reached, or says that it cannot work now
//   limited    too many requests: later
//   signed-out a sign-in is missing or has expired
//   forbidden, missing, conflict, stale (If-Match), invalid (400, 422)
//   refused    another definite no (a declined payment)
//   broken     the service failed, or its answer was not as agreed
export type ErrorKind =
  | 'offline' | 'timeout' | 'down' | 'limited' | 'signed-out' | 'forbidden' | 'missing'
  | 'conflict' | 'stale' | 'invalid' | 'refused' | 'broken';

export interface ApiErrorDetails {
  kind: ErrorKind;
  // Last part of the problem's type: "out-of-stock".
  type: string;
  title: string;
  status?: number;
  detail?: string;
  fields?: FieldProblem[];
  extensions?: Record<string, unknown>;
  traceId?: string;
  retryAfter?: number;
}

export class ApiError extends Error {
  readonly kind: ErrorKind;
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string | undefined;
  readonly fields: FieldProblem[];
  readonly extensions: Record<string, unknown>;
  readonly traceId: string | undefined;
  // Seconds.
  readonly retryAfter: number | undefined;

  constructor(details: ApiErrorDetails, cause?: unknown) {
    super(details.detail ?? details.title, { cause });
    this.name = 'ApiError';
    this.kind = details.kind;
    this.type = details.type;
    this.title = details.title;
    this.status = details.status ?? 0;
    this.detail = details.detail;
    this.fields = details.fields ?? [];
    this.extensions = details.extensions ?? {};
    this.traceId = details.traceId;
    this.retryAfter = details.retryAfter;
  }

  // The same request may succeed later.
  get transient(): boolean {
    return ['offline', 'timeout', 'down', 'limited'].includes(this.kind);
  }

  // What is wrong with a field of the request: "/address/city", or a parameter's name.
  field(place: string): string | undefined {
    return this.fields.find((f) => f.pointer === place || f.parameter === place)?.detail;
  }
}

function kindOf(status: number): ErrorKind {
  switch (status) {
    case 400: case 413: case 415: case 422: return 'invalid';
    case 401: return 'signed-out';
    case 403: return 'forbidden';
    case 404: case 410: return 'missing';
    case 409: return 'conflict';
    case 412: return 'stale';
    case 429: return 'limited';
    case 502: case 503: return 'down';
    case 408: case 504: return 'timeout';
    default: return status >= 500 ? 'broken' : 'refused';
  }
}

const known = new Set(['type', 'title', 'status', 'detail', 'errors', 'trace_id', 'request_id', 'instance']);

export async function errorOf(response: Response): Promise<ApiError> {
  let problem: Record<string, unknown> = {};
  try {
    const body: unknown = await response.json();
    if (typeof body === 'object' && body !== null) problem = body as Record<string, unknown>;
  } catch {
    // The status alone has to do.
  }
  const text = (name: string) => (typeof problem[name] === 'string' ? (problem[name] as string) : undefined);
  const wait = Number(response.headers.get('retry-after'));
  return new ApiError({
    kind: kindOf(response.status),
    type: text('type')?.split('/').pop() ?? 'unknown',
    title: text('title') ?? 'The request failed',
    status: response.status,
    detail: text('detail'),
    fields: Array.isArray(problem.errors) ? (problem.errors as FieldProblem[]) : [],
    extensions: Object.fromEntries(Object.entries(problem).filter(([name]) => !known.has(name))),
    traceId: text('trace_id') ?? text('request_id') ?? response.headers.get('x-request-id') ?? undefined,
    retryAfter: Number.isFinite(wait) && wait > 0 ? wait : undefined,
  });
}

// What fetch() throws. Being cancelled by the caller is no error and stays as it is.
export function networkError(error: unknown): unknown {
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return new ApiError({ kind: 'timeout', type: 'timeout', title: 'No answer in time' }, error);
  }
  if (error instanceof TypeError) {
    return navigator.onLine === false
      ? new ApiError({ kind: 'offline', type: 'offline', title: 'You are offline' }, error)
      : new ApiError({ kind: 'down', type: 'unreachable', title: 'The store cannot be reached' }, error);
  }
  return error;
}

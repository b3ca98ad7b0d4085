// Typed requests: paths, parameters, bodies and answers are those of the services' OpenAPI
// documents, so that a field which a service renames breaks the type check here.

import { ApiError, errorOf, networkError } from './error';
import { renewSession, sessionUserId } from './session';
import type { Paths } from './types';

type Method = 'get' | 'put' | 'post' | 'patch' | 'delete';

type PathsWith<M extends Method> = {
  [P in keyof Paths]: Paths[P] extends { [K in M]: { responses: unknown } } ? P : never;
}[keyof Paths] & string;

type Operation<P extends keyof Paths, M extends Method> = Paths[P] extends { [K in M]: infer O } ? O : never;

type PathOf<O> = O extends { parameters: { path: infer P } } ? Omit<P, 'user_id'> : unknown;
type QueryOf<O> = O extends { parameters: { query?: infer Q } } ? NonNullable<Q> : never;
type HeaderOf<O> = O extends { parameters: { header?: infer H } } ? NonNullable<H> : never;
type BodyOf<O> = O extends { requestBody: { content: infer C } }
  ? C extends { 'application/json': infer B } ? B : string | Blob
  : never;

// The union's "undefined" stands for what answers without a body (204).
export type AnswerOf<P extends keyof Paths, M extends Method> =
  Operation<P, M> extends { responses: { '2XX': { content: infer C } } } ? C[keyof C] : undefined;

type Needed<Name extends string, T> = [T] extends [never] ? unknown
  : {} extends T ? { [K in Name]?: T } : { [K in Name]: T };

type KeyOption<H> = [H] extends [never] ? unknown
  : (H extends { 'Idempotency-Key': string } ? { idempotencyKey: string }
    : H extends { 'Idempotency-Key'?: string } ? { idempotencyKey?: string } : unknown)
    & (H extends { 'If-Match': string } ? { ifMatch: string } : unknown);

export interface CommonOptions {
  // In the name of the administrator, whose cookie counts only when asked for.
  admin?: boolean;
  signal?: AbortSignal;
  // Milliseconds until the request is given up.
  timeout?: number;
}

type Options<O> = CommonOptions & Needed<'path', PathOf<O>> & Needed<'query', QueryOf<O>>
  & ([BodyOf<O>] extends [never] ? unknown : { body: BodyOf<O> }) & KeyOption<HeaderOf<O>>;

type Arguments<O> = {} extends Options<O> ? [options?: Options<O>] : [options: Options<O>];

export interface Answer<T> {
  data: T;
  status: number;
  // For If-Match.
  etag: string | undefined;
  headers: Headers;
}

interface LooseOptions extends CommonOptions {
  path?: Record<string, unknown>;
  query?: Record<string, unknown>;
  body?: unknown;
  idempotencyKey?: string;
  ifMatch?: string;
  headers?: Record<string, string>;
}

// {attr: {size: ["M"]}} becomes attr.size=M; a list is repeated.
export function queryText(query: Record<string, unknown>): string {
  const out = new URLSearchParams();
  const add = (name: string, value: unknown) => {
    if (value === undefined || value === null || value === '') return;
    if (Array.isArray(value)) value.forEach((v) => add(name, v));
    else if (typeof value === 'object') {
      for (const [key, v] of Object.entries(value)) add(`${name}.${key}`, v);
    } else out.append(name, String(value));
  };
  for (const [name, value] of Object.entries(query)) add(name, value);
  const text = out.toString();
  return text && `?${text}`;
}

export const defaultTimeout = 10_000;

// A request to any address of this origin, its failures turned into ApiError.
export async function send(method: string, url: string, options: LooseOptions = {}): Promise<Response> {
  const headers: Record<string, string> = { accept: 'application/json', ...options.headers };
  if (options.admin) headers['souk-act-as'] = 'admin';
  if (options.idempotencyKey) headers['idempotency-key'] = options.idempotencyKey;
  if (options.ifMatch) headers['if-match'] = options.ifMatch;
  let body: BodyInit | undefined;
  if (typeof options.body === 'string' || options.body instanceof Blob) {
    headers['content-type'] = 'application/x-ndjson';
    body = options.body;
  } else if (options.body !== undefined) {
    headers['content-type'] = 'application/json';
    body = JSON.stringify(options.body);
  }
  const deadline = AbortSignal.timeout(options.timeout ?? defaultTimeout);
  let response: Response;
  try {
    response = await fetch(url, {
      method: method.toUpperCase(), headers, body,
      signal: options.signal ? AbortSignal.any([options.signal, deadline]) : deadline,
    });
  } catch (error) {
    throw networkError(error);
  }
  if (!response.ok) throw await errorOf(response);
  return response;
}

async function urlOf(path: string, options: LooseOptions): Promise<string> {
  const values: Record<string, unknown> = { ...options.path };
  if (path.includes('{user_id}')) values.user_id = await sessionUserId();
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(values[name])));
  return `/api${filled}${queryText(options.query ?? {})}`;
}

// A remembered shopper may be another than the cookie's: then the cart of the first is not found.
function isSessionProblem(error: unknown, path: string, options: LooseOptions): boolean {
  if (!(error instanceof ApiError) || options.admin || path.startsWith('/session')) return false;
  if (error.kind === 'signed-out') return true;
  return path.includes('{user_id}') && (error.kind === 'forbidden' || error.kind === 'missing');
}

async function sendInSession(method: Method, path: string, options: LooseOptions): Promise<Response> {
  try {
    return await send(method, await urlOf(path, options), options);
  } catch (error) {
    if (!isSessionProblem(error, path, options)) throw error;
    await renewSession();
    return send(method, await urlOf(path, options), options);
  }
}

// The answer with its status and ETag.
export async function call<M extends Method, P extends PathsWith<M>>(
  method: M, path: P, ...[options]: Arguments<Operation<P, M>>
): Promise<Answer<AnswerOf<P, M>>> {
  const response = await sendInSession(method, path, (options ?? {}) as LooseOptions);
  let data: unknown;
  if (response.status !== 204) {
    try {
      data = await response.json();
    } catch (error) {
      throw networkError(error) instanceof ApiError || (error as Error).name === 'AbortError'
        ? networkError(error)
        : new ApiError({ kind: 'broken', type: 'not-as-agreed', title: 'The answer could not be read' }, error);
    }
  }
  return {
    data: data as AnswerOf<P, M>,
    status: response.status,
    etag: response.headers.get('etag') ?? undefined,
    headers: response.headers,
  };
}

// The answer's body alone.
const just = <M extends Method>(method: M) =>
  async <P extends PathsWith<M>>(path: P, ...options: Arguments<Operation<P, M>>): Promise<AnswerOf<P, M>> =>
    (await call(method, path, ...options)).data;

export const api = {
  get: just('get'),
  put: just('put'),
  post: just('post'),
  patch: just('patch'),
  delete: just('delete'),
};

// A request whose key is new is a new wish; a repeat of the same wish uses the same key.
// (crypto.randomUUID is missing on plain http addresses other than localhost.)
export const newIdempotencyKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

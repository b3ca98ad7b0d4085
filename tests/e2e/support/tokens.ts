import { createPrivateKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { stack } from './stack.ts';

// Tokens that should and should not open anything.

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

export function token(header: object, claims: object, key: KeyObject): string {
  const text = `${encode(header)}.${encode(claims)}`;
  return `${text}.${sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

export const storeKey = () =>
  createPrivateKey(readFileSync(`${stack().state}/secrets/session.pem`, 'utf8').replace(/^[^-]*(?=-----BEGIN)/, ''));

export function parts(good: string) {
  const [header, claims] = good.split('.').slice(0, 2).map((p) => JSON.parse(Buffer.from(p, 'base64url').toString()));
  return { header, claims };
}

// Each is made from a good token by one change.
export function badTokens(good: string): Record<string, string> {
  const { header, claims } = parts(good);
  const key = storeKey();
  const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const now = Math.floor(Date.now() / 1000);
  const [h, c, s] = good.split('.');
  return {
    'signed by a foreign key': token(header, claims, foreign),
    'of an unknown key id': token({ ...header, kid: 'nobody' }, claims, key),
    'without a key id': token({ alg: header.alg, typ: 'JWT' }, claims, key),
    expired: token(header, { ...claims, exp: now - 5 }, key),
    'without expiry': token(header, { ...claims, exp: undefined }, key),
    'of another issuer': token(header, { ...claims, iss: 'elsewhere' }, key),
    'for another audience': token(header, { ...claims, aud: 'elsewhere' }, key),
    'without a subject': token(header, { ...claims, sub: undefined }, key),
    'of an unknown role': token(header, { ...claims, role: 'owner' }, key),
    'without a role': token(header, { ...claims, role: undefined }, key),
    'with algorithm none': `${encode({ ...header, alg: 'none' })}.${c}.`,
    'with algorithm none, signature kept': `${encode({ ...header, alg: 'none' })}.${c}.${s}`,
    'with algorithm HS256': `${encode({ ...header, alg: 'HS256' })}.${c}.${s}`,
    'with changed claims': `${h}.${encode({ ...claims, role: 'admin' })}.${s}`,
    'cut short': good.slice(0, -8),
    'no token at all': 'x.y.z',
  };
}

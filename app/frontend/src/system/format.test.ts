import { expect, test } from 'vitest';
import * as show from './format';

test('short, whatever the size', () => {
  expect([undefined, 0, 0.01, 0.7, 12.34, 123.4, 45_600].map(show.rate)).toEqual(['–', '0', '<0.1', '0.7', '12.3', '123', '45.6K']);
  expect([undefined, 0, 0.00004, 0.0032, 0.0456, 0.9996, 2.34, 240].map(show.duration)).toEqual(['–', '0 ms', '<0.1 ms', '3.2 ms', '46 ms', '1 s', '2.3 s', '240 s']);
  expect([undefined, 0, 0.0004, 0.123, 1].map(show.ratio)).toEqual(['–', '0%', '<0.1%', '12.3%', '100%']);
});

import { describe, expect, it } from 'vitest';
import { tableEntries } from '../../src/table.ts';

describe('tableEntries', () => {
  it.each(['users: User.Read.All', 'GETS /users: User.Read.All', 'GET /a:/b: User.Read.All', 'GET /users'])(
    'refuses the line "%s"',
    (line) => {
      expect(() => tableEntries(line)).toThrow('is broken');
    },
  );
});

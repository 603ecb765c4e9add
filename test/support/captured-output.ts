import { vi } from 'vitest';

/** Keeps what this process writes to its standard streams from now on. `vi.restoreAllMocks` ends it. */
export function captureOutput(): { out: string; err: string } {
  const said = { out: '', err: '' };
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said.out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said.err += String(text);
    return true;
  });
  return said;
}

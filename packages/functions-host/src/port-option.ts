import { InvalidArgumentError } from 'commander';

const maxPort = 65_535;

/** Parses a TCP port; 0 lets the system pick one. @throws InvalidArgumentError when the text is not a valid port. */
export function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > maxPort)
    throw new InvalidArgumentError(`It must be a whole number from 0 to ${maxPort}.`);
  return port;
}

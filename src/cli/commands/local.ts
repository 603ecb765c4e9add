import type { Command } from 'commander';

/** `ptb local`: the simulated Microsoft cloud alone. */
export function registerLocal(_program: Command): void {}

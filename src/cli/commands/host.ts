import type { Command } from 'commander';

/** `ptb host`: the embedded Functions host for any compiled app. */
export function registerHost(_program: Command): void {}

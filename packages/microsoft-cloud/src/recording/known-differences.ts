/** A difference that is accepted. */
interface KnownDifference {
  /** The title of the pair. */
  readonly title: string;
  readonly text: string;
  readonly reason: string;
}

/** Differences between the pairs of Microsoft's documentation and the simulation. */
export const knownDifferences: readonly KnownDifference[] = [
  {
    title: 'List unifiedRoleAssignments',
    text: 'value[].principal.userType: string, simulated missing',
    reason: 'Expanded users have the properties that Graph returns by default for users.',
  },
  {
    title: 'Combine multiple HTTP requests using JSON batching',
    text: 'responses[].headers.Content-Type: string, simulated missing',
    reason:
      'The simulation writes header names of batch parts in lower case. Clients compare them without regard to case.',
  },
];

const articles = { activity: 'an activity', orchestrator: 'an orchestrator', entity: 'an entity' } as const;

/** The extension's error for a function that does not exist or has another trigger. */
export const missingFunction = (name: string, kind: keyof typeof articles): string =>
  `The function '${name}' doesn't exist, is disabled, or is not ${articles[kind]} function.`;

/** What jobs are about, in the order in which surfaces show them. */
export const topics = ['identity', 'licences', 'exchange', 'devices', 'security', 'service'] as const;

export type Topic = (typeof topics)[number];

/** Groups things by topic, in the order of the topics. Those without one, or with one of a newer broker, are `other`. */
export function byTopic<T extends { readonly topic?: string | undefined }>(
  things: readonly T[],
): (readonly [Topic | 'other', readonly T[]])[] {
  const groups = Map.groupBy(things, ({ topic }) => topics.find((known) => known === topic) ?? 'other');
  return [...topics, 'other' as const].flatMap((topic) => {
    const group = groups.get(topic);
    return group === undefined ? [] : [[topic, group] as const];
  });
}

/** The heading of a topic. */
export const topicTitle = (topic: string): string => `${topic.slice(0, 1).toUpperCase()}${topic.slice(1)}`;

// The soak's last word: a table of what was sent and what came of it, and whether all of it is as it must be.

/** Only over so many seconds memory says anything. */
const MEMORY_SECONDS_MIN = 300;

/** `{ text, isGood }`. */
export function report({ tally, lost, doors, seconds }) {
  const lines = [];
  const isLong = seconds >= MEMORY_SECONDS_MIN;
  const total = [...tally.outcomes.values()].flatMap((outcomes) => [...outcomes]).reduce((sum, [outcome, count]) => sum + (outcome === 'not taken' ? 0 : count), 0);
  const kinds = [...tally.outcomes].sort(([one], [other]) => one.localeCompare(other));
  for (const [kind, outcomes] of kinds) {
    const told = [...outcomes].sort(([one], [other]) => `${one}`.localeCompare(`${other}`)).map(([outcome, count]) => `${outcome}: ${count}`);
    lines.push(`${kind.padEnd(40)} ${told.join(', ')}`);
  }
  const { reloads, restarts } = tally;
  lines.push('', `${total} requests and connections in ${seconds.toFixed(0)} s, ${(total / seconds).toFixed(0)} a second; ${tally.ids} of them marked`);
  lines.push(`reloads: ${reloads.taken} taken, ${reloads.refused} refused; upstreams: ${restarts.killed} killed, ${restarts.ended} ended in order, which ${tally.forgiven} good requests met`);
  lines.push(`good answers: p50 ${tally.percentile(50)} ms, p99 ${tally.percentile(99)} ms`);
  for (const { name, samples, growth } of doors) {
    if (samples.length === 0) continue;
    const [start, mean, end, second, last] = [growth.start, growth.mean, growth.end, growth.second, growth.last].map((mib) => mib.toFixed(1));
    const verdict = isLong ? (growth.isFlat ? 'flat' : 'NOT FLAT') : 'too short to tell';
    lines.push(`memory of ${name}: ${start} MiB at first, ${mean} on average, ${end} at last; second fifth ${second}, last fifth ${last}: ${verdict}`);
  }
  lines.push(`wrong: ${tally.wrongCount}; accepted and lost: ${lost.requests}; read too often: ${lost.twice}; read and not meant to be: ${lost.unmeant}`);
  lines.push(...tally.wrongs.map((wrong) => `  WRONG ${wrong}`));
  const isFlat = !isLong || doors.every(({ growth }) => growth.isFlat);
  return { text: lines.join('\n'), isGood: tally.wrongCount === 0 && isFlat };
}

// A gadget: how far the project is.
import { columns, issuesOf } from './issues.js';
import { useLoaded } from './load.js';

export default function Progress({ context }) {
  const [issues] = useLoaded(() => issuesOf(context.extension.project?.key ?? 'DEMO'));
  if (!issues) return <p className="quiet">One moment …</p>;
  const count = (name) => issues.filter((i) => i.status === name).length;
  const done = Math.round((100 * count('Done')) / Math.max(issues.length, 1));
  return (
    <>
      <p className="big">{done} %</p>
      <progress max="100" value={done} aria-label="Done" />
      <p className="quiet">{columns.map((c) => `${c}: ${count(c)}`).join(' · ')}</p>
    </>
  );
}

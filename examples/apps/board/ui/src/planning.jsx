// The board: drag an issue, or use its menu, and it moves in the product.
import { invoke, router, showFlag } from '/_annex/sdk.js';
import { columns, issuesOf, move } from './issues.js';
import { useLoaded } from './load.js';

const Issue = ({ issue, points, onMove }) => (
  <li className="issue" draggable onDragStart={(e) => e.dataTransfer.setData('text/plain', issue.key)}>
    <button className="link" type="button" onClick={() => router.navigate(`/browse/${issue.key}`)}>{issue.summary}</button>
    <p className="meta">
      <span className={`type ${issue.type.toLowerCase()}`}>{issue.type}</span> {issue.key} {points && <span className="points" title="points">{points}</span>}
    </p>
    <label>
      <span className="unseen">Column of {issue.key}</span>
      <select value={issue.status} onChange={(e) => onMove(issue.key, e.target.value)}>
        {columns.map((c) => <option key={c}>{c}</option>)}
      </select>
    </label>
  </li>
);

function Column({ name, issues, points, onMove }) {
  const sum = issues.reduce((n, i) => n + (points[i.key] ?? 0), 0);
  const drop = (e) => {
    e.preventDefault();
    onMove(e.dataTransfer.getData('text/plain'), name);
  };
  return (
    <section aria-label={name} onDragOver={(e) => e.preventDefault()} onDrop={drop}>
      <h2>{name} <span className="count">{issues.length}{sum > 0 && ` · ${sum} points`}</span></h2>
      <ul>{issues.map((i) => <Issue key={i.key} issue={i} points={points[i.key]} onMove={onMove} />)}</ul>
    </section>
  );
}

export default function Planning({ context }) {
  const project = context.extension.project.key;
  const [board, setBoard] = useLoaded(async () => {
    const [issues, points] = await Promise.all([issuesOf(project), invoke('estimates')]);
    return { issues, points };
  });
  if (!board) return <p className="quiet">One moment …</p>;
  const { issues, points } = board;

  const put = (key, status) => setBoard((now) => ({ ...now, issues: now.issues.map((i) => (i.key === key ? { ...i, status } : i)) }));

  // The page shows the move at once, and takes it back if the product refuses it.
  async function moveTo(key, status, from = issues.find((i) => i.key === key)?.status) {
    if (!from || from === status) return;
    put(key, status);
    try {
      await move(key, status);
      showFlag({ id: `moved-${key}`, type: 'success', title: `${key} is in ${status}`, isAutoDismiss: true, actions: [{ text: 'Undo', onClick: () => moveTo(key, from, status) }] });
    } catch (e) {
      put(key, from);
      showFlag({ id: `moved-${key}`, type: 'error', title: `${key} did not move`, description: e.message });
    }
  }

  return (
    <div className="board">
      {columns.map((name) => <Column key={name} name={name} issues={issues.filter((i) => i.status === name)} points={points} onMove={moveTo} />)}
    </div>
  );
}

// How large an issue is: the app's own data, one number for each issue.
import { events, invoke } from '/_annex/sdk.js';
import { useLoaded } from './load.js';

export default function Estimate() {
  const [now, setNow] = useLoaded(() => invoke('estimate'));
  if (now === undefined) return <p className="quiet">One moment …</p>;

  async function pick(points) {
    const made = await invoke('setEstimate', { points });
    setNow(() => made);
    await events.emit('estimated', made);
  }

  return (
    <>
      <div className="points-row" role="group" aria-label="Points">
        {[1, 2, 3, 5, 8, 13].map((n) => (
          <button key={n} type="button" className="point" aria-pressed={now?.points === n} onClick={() => pick(n)}>{n}</button>
        ))}
      </div>
      <p className="quiet" role="status">{now ? `${now.points} points, says ${now.by}.` : 'Nobody has said how large this is.'}</p>
    </>
  );
}

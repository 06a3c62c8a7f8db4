package ledger

import (
	"bufio"
	"context"
	"errors"
	"io"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/trail"
)

// Start is where the part of a trail begins that the server still has: behind which
// checkpoint, and behind which entry of each chain.
type Start struct {
	Through int64
	Heads   map[string]trail.Head // by segment
}

// Export writes a site's trail as a file that trail.Verify checks. It ends with a checkpoint
// of its own; what is written meanwhile belongs to the next export. The start is asked for
// when that checkpoint stands.
func (l *Ledger) Export(ctx context.Context, site id.Site, start func(context.Context) (Start, error), to io.Writer) error {
	if l.Signer == nil {
		return fault.New(fault.Unavailable, "NO_SIGNING_KEY", "there is no key to sign an export with")
	}
	begin := trail.Begin{ID: uuid.NewString(), Issuer: l.Issuer, Site: site, At: l.Now().UnixMilli(), Trail: l.Trail}
	last, err := l.Check(ctx, trail.Checkpoint{Site: site, Export: begin.ID, At: begin.At})
	if err != nil {
		return err
	}
	if begin.Keys, err = l.keys(ctx, site); err != nil {
		return err
	}
	from, err := start(ctx)
	if err != nil {
		return err
	}
	w := writer{bufio.NewWriterSize(to, 64<<10)}
	if err := w.put(begin.Line()); err != nil {
		return err
	}
	if err := l.write(ctx, site, from, last.Number, w); err != nil {
		return err
	}
	return w.Flush()
}

// write writes what stands behind the start, each entry before the checkpoint that covers it.
func (l *Ledger) write(ctx context.Context, site id.Site, from Start, last int64, w writer) error {
	done := map[string]int64{}
	for segment, h := range from.Heads {
		done[segment] = h.Seq
	}
	for number := from.Through; number < last; {
		some, err := l.Checkpoints(ctx, site, number)
		if err != nil {
			return err
		}
		if len(some) == 0 {
			return errors.New("a checkpoint is missing")
		}
		for _, c := range some {
			if c.Number > last {
				break
			}
			for _, h := range c.Heads {
				if err := l.chain(ctx, site, h.Segment, done[h.Segment], h.Seq, w); err != nil {
					return err
				}
				done[h.Segment] = h.Seq
			}
			if err := w.put(c.Line(c.Signature)); err != nil {
				return err
			}
			number = c.Number
		}
	}
	return nil
}

// chain writes the entries of a segment from one number, exclusive, to another. It reads
// in batches, so that a long export holds no transaction.
func (l *Ledger) chain(ctx context.Context, site id.Site, segment string, from, to int64, w writer) error {
	for from < to {
		entries, err := l.entries(ctx, site, segment, from, to)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			return nil // the file will say that they are missing
		}
		for _, e := range entries {
			if err := w.put(e.Line()); err != nil {
				return err
			}
			from = e.Seq
		}
	}
	return nil
}

// writer takes lines as they are made.
type writer struct{ *bufio.Writer }

func (w writer) put(line []byte, err error) error {
	if err == nil {
		_, err = w.Write(line)
	}
	return err
}

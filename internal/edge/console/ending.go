package console

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/edge/outflow"
)

// What stops when an app is uninstalled, told before it is.

// most is how many lines a list has before the rest is told as a number.
const most = 20

var partWords = map[string]string{
	"webtrigger": "Web address", "apiRoute": "Route of its API", "scheduledTrigger": "Schedule", "trigger": "What it does on events", "action": "Action for agents",
}

func ending(p outflow.Prediction) (out []list) {
	stops := list{Title: "What stops working"}
	for _, x := range p.Stops {
		line := listLine{Ours: partWords[x.Type], Theirs: quote.Line(cmp.Or(x.Title, x.Key), 80)}
		if line.Ours == "" {
			line.Ours, line.Count = "In the product", quote.Line(x.Type, 60)
		}
		stops.Lines = append(stops.Lines, line)
	}
	went := list{Title: fmt.Sprintf("What it did in the last %d days, and would not do any more", p.Days)}
	for _, d := range p.Differences {
		if d.Refused > 0 { // of what would have been refused anyway nothing changes
			went.Lines = append(went.Lines, listLine{Ours: quote.Line(cmp.Or(strings.TrimSpace(d.Origin+" "+d.Operation), "Others, counted together"), 200), Count: requests(d.Refused)})
		}
	}
	if len(went.Lines) == 0 {
		went.Lines = []listLine{{Ours: "It sent nothing and called no product."}}
	}
	for _, l := range []list{stops, went} {
		if n := len(l.Lines) - most; n > 0 {
			l.Lines = append(l.Lines[:most:most], listLine{Ours: fmt.Sprintf("And %d others.", n)})
		}
		if len(l.Lines) > 0 {
			out = append(out, l)
		}
	}
	return out
}

func requests(n int64) string {
	if n == 1 {
		return "1 request"
	}
	return fmt.Sprintf("%d requests", n)
}

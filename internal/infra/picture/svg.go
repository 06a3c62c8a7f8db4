package picture

import (
	"bytes"
	"encoding/xml"
	"io"
	"regexp"
	"slices"
	"strings"
)

const (
	maxSVG      = 64 << 10
	maxElements = 2000
)

// shapes are the elements that are taken over: they draw, and do nothing else. Words are
// taken over inside text alone.
var shapes = []string{"svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "defs", "linearGradient", "radialGradient", "stop", "clipPath", "mask", "title", "text", "tspan"}

// looks are the attributes that are taken over. None of them holds an address or a script.
var looks = []string{"viewBox", "width", "height", "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "rx", "ry", "fx", "fy", "d", "points", "transform", "fill", "fill-rule",
	"fill-opacity", "clip-rule", "clip-path", "mask", "stroke", "stroke-width", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit", "stroke-dasharray", "stroke-opacity",
	"opacity", "color", "offset", "stop-color", "stop-opacity", "gradientUnits", "gradientTransform", "spreadMethod", "clipPathUnits", "maskUnits", "preserveAspectRatio", "id", "dx", "dy",
	"font-family", "font-size", "font-weight", "text-anchor", "dominant-baseline"}

var (
	plainValue = regexp.MustCompile(`^[A-Za-z0-9#%.,+\-()\s]*$`)
	ownPlace   = regexp.MustCompile(`^url\(#[A-Za-z0-9_\-]+\)$`) // a gradient of the same drawing
	ownID      = regexp.MustCompile(`^[A-Za-z0-9_\-]+$`)
)

// redrawSVG writes a drawing anew from what it understands. What it does not is left out.
func redrawSVG(text []byte) ([]byte, error) {
	if len(text) > maxSVG {
		return nil, bad()
	}
	in := xml.NewDecoder(bytes.NewReader(text))
	in.Entity = map[string]string{} // none but XML's own
	var out bytes.Buffer
	var open []string // "" for an element that is left out
	count, left := 0, 0
	for {
		token, err := in.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, bad()
		}
		switch e := token.(type) {
		case xml.StartElement:
			if count++; count > maxElements || len(open) > 64 || count == 1 && e.Name.Local != "svg" || count > 1 && len(open) == 0 {
				return nil, bad()
			}
			name := e.Name.Local
			if left > 0 || !slices.Contains(shapes, name) || name == "title" || name == "svg" && count > 1 {
				left++
				open = append(open, "")
				continue
			}
			open = append(open, name)
			out.WriteString("<" + name)
			if count == 1 {
				out.WriteString(` xmlns="http://www.w3.org/2000/svg"`)
			}
			for _, a := range e.Attr {
				if value := strings.TrimSpace(a.Value); a.Name.Space == "" && slices.Contains(looks, a.Name.Local) && takes(a.Name.Local, value) {
					out.WriteString(" " + a.Name.Local + `="` + value + `"`)
				}
			}
			out.WriteString(">")
		case xml.EndElement:
			name := open[len(open)-1]
			if open = open[:len(open)-1]; name == "" {
				left--
				continue
			}
			out.WriteString("</" + name + ">")
		case xml.CharData:
			if left == 0 && len(open) > 0 && (open[len(open)-1] == "text" || open[len(open)-1] == "tspan") {
				if err := xml.EscapeText(&out, e); err != nil {
					return nil, bad()
				}
			}
		}
	}
	if out.Len() == 0 {
		return nil, bad()
	}
	return out.Bytes(), nil
}

func takes(name, value string) bool {
	if name == "id" {
		return ownID.MatchString(value)
	}
	if ownPlace.MatchString(value) {
		return name == "fill" || name == "stroke" || name == "clip-path" || name == "mask"
	}
	return plainValue.MatchString(value) && !strings.Contains(strings.ToLower(value), "url")
}

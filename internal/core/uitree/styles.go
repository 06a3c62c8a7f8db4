package uitree

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

const maxStyle = 120

// styleNames are the properties that xcss may set.
var styleNames = set(`alignContent alignItems alignSelf backgroundColor blockSize border borderBlockColor borderBlockEndColor
	borderBlockEndStyle borderBlockEndWidth borderBlockStartColor borderBlockStartStyle borderBlockStartWidth borderBlockStyle
	borderBlockWidth borderBottomColor borderBottomLeftRadius borderBottomRightRadius borderBottomStyle borderBottomWidth
	borderColor borderInlineColor borderInlineEndColor borderInlineEndStyle borderInlineEndWidth borderInlineStartColor
	borderInlineStartStyle borderInlineStartWidth borderInlineStyle borderInlineWidth borderLeftColor borderLeftStyle
	borderLeftWidth borderRadius borderRightColor borderRightStyle borderRightWidth borderStyle borderTopColor
	borderTopLeftRadius borderTopRightRadius borderTopStyle borderTopWidth borderWidth boxShadow boxSizing color columnGap
	display flex flexBasis flexDirection flexGrow flexShrink flexWrap font fontFamily fontSize fontStyle fontWeight gap
	gridAutoFlow gridColumn gridRow gridTemplateColumns gridTemplateRows height inlineSize inset justifyContent justifyItems
	justifySelf letterSpacing lineHeight margin marginBlock marginBlockEnd marginBlockStart marginBottom marginInline
	marginInlineEnd marginInlineStart marginLeft marginRight marginTop maxBlockSize maxHeight maxInlineSize maxWidth
	minBlockSize minHeight minInlineSize minWidth objectFit objectPosition opacity order outline outlineColor outlineOffset
	outlineStyle outlineWidth overflow overflowBlock overflowInline overflowWrap overflowX overflowY padding paddingBlock
	paddingBlockEnd paddingBlockStart paddingBottom paddingInline paddingInlineEnd paddingInlineStart paddingLeft paddingRight
	paddingTop placeContent placeItems rowGap textAlign textDecoration textOverflow textTransform userSelect verticalAlign
	visibility whiteSpace width wordBreak zIndex`)

// styleStates are the selectors that xcss may nest in.
var styleStates = set(`:hover :active :focus :focus-visible :focus-within :disabled :visited :first-child :last-child :first-of-type
	:last-of-type :only-child :nth-of-type(odd) :nth-of-type(even)`)

func set(words string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(words) {
		out[w] = true
	}
	return out
}

// styles takes in what xcss holds. A value is a token, a keyword, a number or a length: no
// function of CSS is among them, so none can load anything.
func (t *Tree) styles(n *Node, in map[string]any, level int) map[string]any {
	out := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(in)) {
		switch v := in[name].(type) {
		case map[string]any:
			if level == 0 && styleStates[name] {
				out[name] = t.styles(n, v, 1)
				continue
			}
		case string:
			if styleNames[name] && styleValue(v) {
				out[name] = v
				continue
			}
		case json.Number:
			if styleNames[name] {
				out[name] = v
				continue
			}
		}
		t.drop(n, "xcss", "the style "+clip(name)+" is not one of the list")
	}
	return out
}

func styleValue(v string) bool {
	if len(v) > maxStyle {
		return false
	}
	for _, r := range v {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(" .,#%+-_/", r)) {
			return false
		}
	}
	return !strings.Contains(v, "//") && !strings.Contains(v, "/*")
}

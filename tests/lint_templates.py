"""A template in which the default profile finds nothing, whatever rules there are."""

FLAWLESS = (
    "{%- if tools %}{{- '<tools>' + tools | tojson + '</tools>' }}{%- endif %}"
    "{%- for m in messages %}{{- '<' + m.role + '>' + (m.content or '') }}"
    "{%- for call in m.tool_calls or [] %}{{- '<call>' + call.function | tojson + '</call>' }}{%- endfor %}"
    "{{- '<end>' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<assistant>' }}{%- endif %}"
)

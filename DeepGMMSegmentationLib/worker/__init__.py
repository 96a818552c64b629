"""What takes long, in a process of its own, so that its parent stays free and outlives a crash.

The parent holds a `parent.Worker`; the child runs `child.main`. A request lies in a folder, whose
name the parent writes to the child's standard input. The child appends what it has to say to a
file in that folder, a line of JSON each, which the parent reads at its own pace. When the parent
dies its end of the input closes, and the child ends at once. So the two need no thread and no event
loop in the parent, where neither might run.
"""
